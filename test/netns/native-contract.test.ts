import { testEngine } from '../../src/engine/contract.ts';
import { makeNativeCandidate, needsRoot } from './native-candidate.ts';

testEngine('the native engine', makeNativeCandidate, needsRoot);
