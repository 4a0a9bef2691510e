/** Says its name and whom it sees, at port 80/tcp (HTTP; /stream a letter now and then, for as long as wanted) and 53/udp. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import http from 'node:http';

const [name = ''] = process.argv.slice(2);

const server = http.createServer((request, response) => {
  if (request.url !== '/stream') return void response.end(`${name} sees ${request.socket.remoteAddress}\n`);
  const timer = setInterval(() => response.write('.'), 20);
  response.on('close', () => clearInterval(timer));
});
server.listen(80, '0.0.0.0');
const socket = dgram.createSocket('udp4');
socket.on('message', (_bytes, from) => socket.send(`${name} sees ${from.address}`, from.port, from.address));
socket.bind(53);
await Promise.all([once(server, 'listening'), once(socket, 'listening')]);
process.stdout.write('ready\n');
process.stdin.on('end', () => process.exit()).resume();
