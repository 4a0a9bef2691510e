import { test } from 'node:test';

test('kills its own process', () => {
  process.kill(process.pid, 'SIGKILL');
});
