/** A listener as an async iterable, for as long as `signal` is not aborted. What comes faster than it is read is queued. */
export async function* iterate<T>(listen: (listener: (value: T) => void) => () => void, signal: AbortSignal): AsyncGenerator<T> {
  const queue: T[] = [];
  let wake = (): void => undefined;
  const stop = listen((value) => {
    queue.push(value);
    wake();
  });
  const onAbort = (): void => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      const value = queue.shift();
      if (value !== undefined) yield value;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    stop();
  }
}
