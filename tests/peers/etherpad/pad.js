'use strict';

// A browser at a pad, as far as it matters: `node pad.js URL [TEXT]` follows redirects as a frame does, opens the pad with the cookie that
// it got, tries to write TEXT, and prints what it found as JSON. It is run where Etherpad's packages are.

const http = require('http');
const io = require('socket.io-client');

const [start, text] = process.argv.slice(2);

const get = (url, cookie) => new Promise((resolve, reject) => {
  http.get(url, {headers: cookie ? {cookie} : {}}, (response) => {
    response.resume();
    response.on('end', () => resolve(response));
  }).on('error', reject);
});

const follow = async (url, cookie, left) => {
  const response = await get(url, cookie);
  const set = (response.headers['set-cookie'] || []).map((one) => one.split(';')[0]);
  cookie = [cookie, ...set].filter(Boolean).join('; ');
  if (response.statusCode >= 300 && response.statusCode < 400 && left > 0) {
    return follow(new URL(response.headers.location, url).href, cookie, left - 1);
  }
  return {status: response.statusCode, url, cookie};
};

const value = (cookie, name) => {
  const found = cookie.split('; ').reverse().find((one) => one.startsWith(`${name}=`));
  return found && decodeURIComponent(found.slice(name.length + 1));
};

const end = (found) => {
  console.log(JSON.stringify(found));
  process.exit(0);
};

(async () => {
  const page = await follow(start, '', 5);
  const path = new URL(page.url).pathname;
  const found = {status: page.status, path, access: 'none', readonly: null, text: null, written: false};
  if (page.status !== 200) return end(found);
  const socket = io.connect(new URL('/', page.url).origin, {
    path: '/socket.io', transports: ['websocket'], extraHeaders: {cookie: page.cookie}, reconnection: false,
  });
  setTimeout(() => end(found), 8000);
  socket.on('connect', () => socket.emit('message', {
    component: 'pad', type: 'CLIENT_READY', protocolVersion: 2, padId: decodeURIComponent(path.split('/').pop()),
    sessionID: value(page.cookie, 'sessionID'), token: 't.0123456789abcdefghij', userInfo: {},
  }));
  socket.on('disconnect', () => end(found));
  socket.on('message', (message) => {
    if (message.accessStatus) {
      found.access = message.accessStatus;
      return end(found);
    }
    if (message.type === 'CLIENT_VARS') {
      const {collab_client_vars: vars, readonly} = message.data;
      Object.assign(found, {access: 'grant', readonly, text: vars.initialAttributedText.text});
      if (text === undefined) return end(found);
      const pool = {numToAttrib: {0: ['author', message.data.userId]}, nextNum: 1};
      const length = text.length.toString(36);
      socket.emit('message', {component: 'pad', type: 'COLLABROOM', data: {
        type: 'USER_CHANGES', baseRev: vars.rev, apool: pool,
        changeset: `Z:${found.text.length.toString(36)}>${length}*0+${length}$${text}`,
      }});
      // Who may not write gets no answer to that.
      setTimeout(() => end(found), 1500);
    } else if (message.type === 'COLLABROOM' && message.data.type === 'ACCEPT_COMMIT') {
      found.written = true;
      end(found);
    }
  });
})();
