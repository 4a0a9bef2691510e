/** `ADDRESS PORT`: sends a datagram from port 40000 and prints what comes back within a second, or `no answer`. */
import dgram from 'node:dgram';

const [address = '', port = ''] = process.argv.slice(2);
const socket = dgram.createSocket('udp4');
const end = (text: string): void => {
  process.stdout.write(text);
  process.exit();
};
socket.on('message', (bytes) => end(bytes.toString()));
socket.on('error', (error) => end(error.message));
socket.bind(40_000, () => socket.send('who are you', Number(port), address));
setTimeout(() => end('no answer'), 1000);
