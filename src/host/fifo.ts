/** Named pipes: the one kind of file that Node cannot make. */
import koffi from 'koffi';
import { errnoName } from './ffi.ts';
import { KernelError } from './kernel-error.ts';

const mkfifo = koffi.load('libc.so.6').func('int mkfifo(const char *path, uint32_t mode)');

/** Makes a FIFO that its owner alone may open (fifo(7)). `mkfifo --mode=600 FILE` @throws KernelError EEXIST, ENOENT, … */
export function makeFifo(file: string): void {
  if (mkfifo(file, 0o600) < 0) throw new KernelError(`mkfifo ${file}`, errnoName(koffi.errno()));
}
