/** What `test/clean` runs. */
import { cleanLabs } from './lab.ts';

for (const name of await cleanLabs()) console.log(`took down the lab ${name}`);
