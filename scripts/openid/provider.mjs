// A real provider of OpenID Connect, for the tests: provider.mjs FOLDER CERTIFICATE KEY. It says on which port it listens, and
// begins when it is told to where it may send browsers back: a line on its standard input. It lets everybody in by the name that
// is typed, and names people in `preferred_username` where the standard has it: at its UserInfo endpoint.
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const [folder, certificate, key] = process.argv.slice(2);
const module = path.join(folder, 'node_modules/oidc-provider/lib/index.js');
const { Provider } = await import(pathToFileURL(module));

let answer = (_, response) => response.writeHead(503).end();
const server = https.createServer(
    { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) },
    (request, response) => answer(request, response),
);
server.listen(0, '127.0.0.1', () => console.log(`listening on ${server.address().port}`));

readline.createInterface({ input: process.stdin }).once('line', (back) => {
    const provider = new Provider(`https://localhost:${server.address().port}`, {
        clients: [{ client_id: 'platen', client_secret: 'a secret: with signs%', redirect_uris: [back] }],
        claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'] },
        findAccount: (_, sub) => ({
            accountId: sub,
            claims: () => ({ sub, preferred_username: sub, email: `${sub}@example.org`, email_verified: true }),
        }),
        pkce: { required: () => true },
        cookies: { keys: ['of a test'] },
    });
    answer = provider.callback();
    console.log('ready');
});
