import { testEngine } from './contract.ts';
import { makeFakeMachine } from './fake.ts';

testEngine('the fake engine', async () => {
  const machine = makeFakeMachine();
  return {
    openEngine: machine.openEngine,
    view: (environment) => ({ environment, hostname: environment, netns: '/none', hosts: '', resolvConf: '', directory: '/' }),
    commands: {
      forever: ['forever'],
      stubborn: ['stubborn'],
      missing: ['no-such-program'],
      ends: (status) => ['ends', String(status)],
      says: (...lines) => ['says', ...lines],
    },
    dispose: async () => undefined,
  };
});
