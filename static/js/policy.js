// policy.js - which pictures this page may show. Outputs may lie on another host, and the policy that
// this page was sent with names it; asking the browser for others would be a violation. Others are
// links.

let allowed = [];

// The addresses that img-src of a Content-Security-Policy allows. Pure.
export function imageSources(policy, origin) {
  const directive = policy.split(";").map((part) => part.trim().split(/\s+/)).find(([name]) => name === "img-src");
  return (directive ?? []).slice(1).map((source) => (source === "'self'" ? `${origin}/` : source))
    .filter((source) => /^https?:\/\//i.test(source))
    .map((source) => new URL(source).href);
}

// A source that ends with a slash stands for all below it (CSP 3, 6.7.2.10).
export const isAmong = (sources, address) =>
  sources.some((source) => (source.endsWith("/") ? address.startsWith(source) : address === source));

export const mayShow = (address) => isAmong(allowed, new URL(address).href);

export async function learnPolicy() {
  allowed = imageSources("img-src 'self'", location.origin);
  const response = await fetch("/", { method: "HEAD" }).catch(() => null);
  const policy = response?.headers.get("Content-Security-Policy");
  if (policy) allowed = imageSources(policy, location.origin);
}
