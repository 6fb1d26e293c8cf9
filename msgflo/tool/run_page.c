#include "tool/run_page.h"

#include <string.h>

/* ---- addresses */

/* As JavaScript's encodeURIComponent(), which the editors take back. */
static void append_encoded(struct buf *b, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-_.!~*'()";

    for (; *text; text++)
        if (strchr(plain, *text))
            buf_append(b, text, 1);
        else
            buf_printf(b, "%%%02X", (unsigned char)*text);
}

int run_page_live_url(const struct run_page *page, const char *secret, struct buf *ret)
{
    AUTO(buf_release) struct buf endpoint = BUF_INIT, encoded_secret = BUF_INIT;

    buf_printf(&endpoint, "protocol=websocket&address=%s&id=%s", page->ws_address,
               page->runtime_id);
    if (secret) {
        append_encoded(&encoded_secret, secret);
        buf_printf(&endpoint, "&secret=%s", encoded_secret.data ? encoded_secret.data : "");
    }
    if (endpoint.failed || encoded_secret.failed)
        return -1;
    buf_printf(ret, "%s#runtime/endpoint?", page->ide);
    append_encoded(ret, endpoint.data);
    return ret->failed ? -1 : 0;
}

/* ---- the page */

/* For text and for attributes in double quotes. */
static void append_escaped(struct buf *b, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            buf_text(b, "&amp;");
            break;
        case '<':
            buf_text(b, "&lt;");
            break;
        case '>':
            buf_text(b, "&gt;");
            break;
        case '"':
            buf_text(b, "&quot;");
            break;
        default:
            buf_append(b, text, 1);
        }
}

static const char before_label[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<style>\n"
    ":root { color-scheme: light dark }\n"
    "body { max-width: 40rem; margin: 12vh auto; padding: 0 1.5rem;"
    " font: 1.0625rem/1.6 system-ui, sans-serif }\n"
    "h1 { font-size: 1.5rem; line-height: 1.25 }\n"
    "code { overflow-wrap: anywhere }\n"
    "</style>\n";
static const char after_label[] = "</h1>\n<p>This network is live. <a id=\"flowhub_url\" href=\"";
static const char after_link[] = "\">Open it in an editor</a> to see its participants and what "
                                 "passes between them, and to re-route it as it runs.</p>\n";
static const char secret_note[] =
    "<p>It asks for a secret: the editor wants it in the address, as "
    "<code>&amp;secret=…</code>. <code>msgflo run</code> printed the whole address when it "
    "started.</p>\n";

int run_page_html(const struct run_page *page, bool needs_secret, struct buf *ret)
{
    AUTO(buf_release) struct buf url = BUF_INIT;

    if (run_page_live_url(page, NULL, &url))
        return -1;
    buf_text(ret, before_label);
    buf_text(ret, "<title>");
    append_escaped(ret, page->label);
    buf_text(ret, " · MsgFlo</title>\n<h1>");
    append_escaped(ret, page->label);
    buf_text(ret, after_label);
    append_escaped(ret, url.data);
    buf_text(ret, after_link);
    if (needs_secret)
        buf_text(ret, secret_note);
    buf_text(ret, "<p>Other clients of the FBP network protocol connect to <code>");
    append_escaped(ret, page->ws_address);
    buf_text(ret, "</code>.</p>\n</html>\n");
    return ret->failed ? -1 : 0;
}
