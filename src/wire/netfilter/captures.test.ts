import { testCaptures } from '../../../test/support/capture-suite.ts';
import { datagramToJson, writeAgain } from '../../../test/support/netfilter-notation.ts';

testCaptures(new URL('captures/', import.meta.url), { datagramToJson, writeAgain });
