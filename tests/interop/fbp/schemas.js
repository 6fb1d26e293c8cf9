// Whether a message of a runtime is what the FBP protocol's own schemas allow.
'use strict';
const Ajv = require('ajv');
const schemas = require('fbp-protocol/schema/schemas.js');

// They are of draft 4 but for empty lists of required members, which that does not allow.
const ajv = new Ajv({ meta: false, schemaId: 'id', validateSchema: false, allErrors: true });

// The same schema without the ids of its parts, of which many are the same.
function withoutIds(schema) {
  if (Array.isArray(schema)) return schema.map(withoutIds);
  if (schema === null || typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema)
    .filter(([key, value]) => !(key === 'id' && typeof value === 'string'))
    .map(([key, value]) => [key, withoutIds(value)]));
}

// The package makes network:edges of what clients send, so that it could not say what it answers.
schemas.network.output.edges.allOf[0] = schemas.network.output.status.allOf[0];

const compiled = new Map();

function validatorOf(protocol, command) {
  const name = `${protocol}:${command}`;
  const schema = schemas[protocol]?.output?.[command];
  if (schema && !compiled.has(name)) compiled.set(name, ajv.compile(withoutIds(schema)));
  return compiled.get(name);
}

// Texts that say what is wrong with it; none if all is well.
function faults(text) {
  let message;
  try {
    message = JSON.parse(text);
  } catch (e) {
    return [`no JSON: ${e.message}`];
  }
  const validate = validatorOf(message?.protocol, message?.command);
  if (!validate) return [`no such message: ${text.slice(0, 200)}`];
  if (validate(message)) return [];
  return [`${ajv.errorsText(validate.errors)} in ${text.slice(0, 500)}`];
}

module.exports = { faults, schemas };
