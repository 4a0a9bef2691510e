import { spawn } from 'node:child_process';
import { test } from 'node:test';

test('passes', () => {});
test('waits for ever', async () => {
  const child = spawn('sleep', ['7391'], { stdio: 'inherit' });
  console.log(`child ${child.pid}`);
  await new Promise(() => {});
});
