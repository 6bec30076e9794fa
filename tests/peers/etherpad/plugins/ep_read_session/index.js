'use strict';

// POST /readSession/createReadSession, …/deleteSession and …/deleteGroup, with the parameters and answers of Etherpad's own API.

const fs = require('fs');
const formidable = require('formidable');
const db = require('ep_etherpad-lite/node/db/DB');
const groupManager = require('ep_etherpad-lite/node/db/GroupManager');
const sessionManager = require('ep_etherpad-lite/node/db/SessionManager');

const key = fs.readFileSync(process.argv[process.argv.indexOf('--apikey') + 1], 'utf8').trim();

const calls = {
  createReadSession: async ({groupID, authorID, validUntil}) => {
    const made = await sessionManager.createSession(groupID, authorID, validUntil);
    await db.set(`read_session:${made.sessionID}`, true);
    return made;
  },
  deleteSession: async ({sessionID}) => {
    await sessionManager.deleteSession(sessionID);
    await db.remove(`read_session:${sessionID}`);
  },
  deleteGroup: async ({groupID}) => {
    await groupManager.deleteGroup(groupID);
  },
};

const form = (request) => new Promise((resolve, reject) => {
  new formidable.IncomingForm().parse(request, (error, fields) => error ? reject(error) : resolve(fields));
});

exports.expressCreateServer = (hook, {app}, callback) => {
  app.post('/readSession/:call', async (request, response) => {
    const fields = await form(request);
    if (fields.apikey !== key) {
      response.status(401).json({code: 4, message: 'no or wrong API Key', data: null});
      return;
    }
    try {
      const data = await calls[request.params.call](fields);
      response.json({code: 0, message: 'ok', data: data || null});
    } catch (error) {
      // As Etherpad says it.
      response.json({code: 1, message: error.message, data: null});
    }
  });
  callback();
};
