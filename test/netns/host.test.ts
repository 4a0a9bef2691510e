import fs from 'node:fs';
import { testHost } from '../../src/host/contract.ts';
import { clearRoom, makeRoom } from './host-room.ts';
import { needsRoot } from './private-namespaces.ts';

testHost(
  'the real host',
  async () => {
    const room = makeRoom();
    return {
      host: room.host,
      folder: room.folder,
      leaveFile: (file) => fs.writeFileSync(file, ''),
      dispose: () => clearRoom(room),
    };
  },
  needsRoot,
);
