// deploy/kubernetes.yaml: by the schemas of Kubernetes and KEDA, and that its parts fit each other, the
// Procfile and graphs/guv.yaml.
'use strict';
const assert = require('node:assert');
const { it } = require('node:test');
const { ScaledObject } = require('@kubernetes-models/keda/keda.sh/v1alpha1');
const { Deployment } = require('kubernetes-models/apps/v1');
const { Job } = require('kubernetes-models/batch/v1');
const { Service } = require('kubernetes-models/v1');
const YAML = require('yaml');
const { procfile, read, settings } = require('./project.js');

const models = { Deployment, Job, ScaledObject, Service };
const objects = YAML.parseAllDocuments(read('deploy/kubernetes.yaml'), { uniqueKeys: true }).map((document) => {
  assert.deepStrictEqual(document.errors.concat(document.warnings), []);
  return document.toJS();
});
const of = (kind) => objects.filter((object) => object.kind === kind);
const deployments = Object.fromEntries(of('Deployment').map((d) => [d.spec.template.metadata.labels.role, d]));
const pods = [...of('Deployment'), ...of('Job')].map((object) => object.spec.template.spec);
const variables = (container) => Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value]));

// A copy of the value that takes the place of each of its members out of `unread` once it is asked for.
function watched(value, place, unread) {
  if (typeof value !== 'object' || value === null) return value;
  const copy = Array.isArray(value) ? [] : {};
  for (const [name, member] of Object.entries(value)) {
    unread.add(`${place}/${name}`);
    copy[name] = watched(member, `${place}/${name}`, unread);
  }
  return new Proxy(copy, {
    get(target, name) {
      unread.delete(`${place}/${String(name)}`);
      return target[name];
    },
  });
}

for (const object of objects) {
  // The schemas do not mind members that they do not have, but then nobody asks for them.
  it(`${object.kind} ${object.metadata.name} is valid, and each of its members is known`, () => {
    const unread = new Set();
    const { apiVersion, kind, ...members } = object;
    const model = new models[kind]();
    assert.strictEqual(model.apiVersion, apiVersion);
    for (const [name, member] of Object.entries(members)) model[name] = watched(member, name, unread);
    model.validate();
    assert.deepStrictEqual([...unread], []);
  });
}

it('has each process type of the Procfile but guv, with its command', () => {
  const types = Object.keys(procfile).filter((type) => !['guv', 'release'].includes(type)).sort();
  assert.deepStrictEqual(Object.keys(deployments).sort(), types);
  for (const type of types) {
    assert.strictEqual(deployments[type].spec.template.spec.containers[0].command.join(' '), procfile[type]);
  }
  assert.deepStrictEqual(of('Job').map((job) => job.spec.template.spec.containers[0].command.join(' ')), [procfile.release]);
});

it('selects the pods that it makes', () => {
  for (const { spec } of of('Deployment')) {
    assert.deepStrictEqual(spec.selector.matchLabels, spec.template.metadata.labels);
  }
  const [{ spec }] = of('Service');
  const web = deployments.web.spec.template;
  assert.deepStrictEqual(spec.selector, web.metadata.labels);
  const [port] = web.spec.containers[0].ports;
  assert.strictEqual(spec.ports[0].targetPort, port.name);
  assert.strictEqual(variables(web.spec.containers[0]).PORT, String(port.containerPort));
  for (const probe of ['livenessProbe', 'readinessProbe']) {
    assert.strictEqual(web.spec.containers[0][probe].httpGet.port, port.name);
  }
});

it('confines every pod alike, and gives it the settings of one secret', () => {
  for (const pod of pods) {
    assert.deepStrictEqual(pod.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    assert.deepStrictEqual([pod.automountServiceAccountToken, pod.enableServiceLinks], [false, false]);
    const [container] = pod.containers;
    assert.deepStrictEqual(container.securityContext,
      { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] }, readOnlyRootFilesystem: true });
    assert.deepStrictEqual(container.envFrom, [{ secretRef: { name: 'imageresize' } }]);
    for (const name of Object.keys(variables(container))) assert.ok(settings.has(name), `${name} is no setting`);
    assert.strictEqual(container.image, pods[0].containers[0].image);
  }
});

it('leaves each process the 25 s that it takes to stop', () => {
  for (const { spec } of Object.values(deployments)) {
    const pod = spec.template.spec;
    const waits = Number(pod.containers[0].lifecycle?.preStop.exec.command[1] ?? 0);
    assert.ok(pod.terminationGracePeriodSeconds - waits >= 30);
  }
});

it('scales resize by its queue, within the bounds that guv has', () => {
  const [{ spec }] = of('ScaledObject');
  const { resize } = YAML.parse(read('graphs/guv.yaml'));
  assert.strictEqual(spec.scaleTargetRef.name, deployments.resize.metadata.name);
  assert.deepStrictEqual([spec.minReplicaCount, spec.maxReplicaCount], [resize.minimum, resize.maximum]);
  assert.ok(!('replicas' in deployments.resize.spec), 'two would set them');
  const [{ type, metadata }] = spec.triggers;
  assert.deepStrictEqual([type, metadata.protocol, metadata.mode, metadata.queueName], ['rabbitmq', 'amqp', 'QueueLength', resize.queue]);
  assert.ok(read('.env.example').includes(`\n${metadata.hostFromEnv}=amqp`));
  // What a worker ends in half of the deadline; written as text, as KEDA wants it.
  const ends = resize.deadline / 2 * resize.concurrency / resize.processing;
  assert.ok(Math.abs(Number(metadata.value) / ends - 1) < 0.05, `${metadata.value}, and a worker ends ${ends}`);
});
