/**
 * A daemon for the tests to kill. At the first line of stdin it says `opening` and opens the native engine over
 * DIRECTORY, brings each of the services to run, says `settled`, and then stops and starts them for ever, or sleeps
 * where the last argument is `rest`.
 *
 *     node native-daemon.ts DIRECTORY NETNS MARK SERVICES stir|rest
 */
import { once } from 'node:events';
import { serviceOf } from '../../src/engine/contract.ts';
import type { Engine } from '../../src/engine/index.ts';
import { openNativeEngine } from '../../src/engine/native/index.ts';
import { viewOf } from './native-candidate.ts';

const [directory = '', netns = '', mark = '', count = '1', manner = 'rest'] = process.argv.slice(2);
const services = Array.from({ length: Number(count) }, (_, i) => serviceOf(`service-${i}`, ['sleep', `1000000.${mark}${i}`]));

async function settle(engine: Engine): Promise<void> {
  const running = (await engine.observe('shop')).filter((it) => it.state === 'running').map((it) => it.name);
  const missing = services.filter((it) => !running.includes(it.name));
  await Promise.all(missing.map((it) => engine.start(viewOf('shop', netns), it, 'd')));
}

const engine = openNativeEngine({ directory, hiddenFolder: '/run/netns', log: () => undefined });
await once(process.stdin, 'data');
process.stdout.write('opening\n');
await engine.open();
await settle(engine);
process.stdout.write('settled\n');
while (manner === 'stir') {
  await Promise.all(services.map((it) => engine.stop('shop', it.name, { signal: 'SIGTERM', graceMs: 1000 })));
  await settle(engine);
}
setInterval(() => undefined, 1000);
