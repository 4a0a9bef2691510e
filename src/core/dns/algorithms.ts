/** The algorithms that a key of landline.yaml may have. */
export { tsigAlgorithms } from '../../wire/dns/tsig.ts';
