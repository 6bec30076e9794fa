'use strict';

// GET /auth_session?sessionID=…&padName=…&groupID=…: the cookie of the session, and on to the pad; where the session only reads, to the
// page on which one only reads.

const db = require('ep_etherpad-lite/node/db/DB');
const readOnlyManager = require('ep_etherpad-lite/node/db/ReadOnlyManager');

exports.expressCreateServer = (hook, {app}, callback) => {
  app.get('/auth_session', async (request, response, next) => {
    try {
      const {sessionID, padName, groupID} = request.query;
      const pad = `${groupID}$${padName}`;
      const reads = await db.get(`read_session:${sessionID}`);
      const page = reads ? await readOnlyManager.getReadOnlyId(pad) : pad;
      response.cookie('sessionID', sessionID, {httpOnly: false});
      response.redirect(`/p/${encodeURIComponent(page)}`);
    } catch (error) {
      next(error);
    }
  });
  callback();
};
