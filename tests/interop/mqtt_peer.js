// A participant of msgflo-nodejs for mqtt.test.js, run by its own program: appends to a list.
'use strict';
const msgflo = require('msgflo-nodejs');

module.exports = (broker, role) => new msgflo.participant.Participant(
  msgflo.transport.getClient(broker),
  { component: 'test/Append', icon: 'eye', label: '', inports: [{ id: 'in', type: 'array' }],
    outports: [{ id: 'out', type: 'array' }] },
  (inport, list, callback) => callback('out', null, [...list, role]),
  role,
);
