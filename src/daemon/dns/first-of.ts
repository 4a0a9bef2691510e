/** The next attempt begins when the one before has failed, or has kept everybody waiting for so many milliseconds. */
const headStartMs = 500;

export interface Attempt<T> {
  readonly run: () => Promise<T>;
  /** The next one begins without its answer. */
  readonly isLate?: () => void;
}

/**
 * What the first attempt that succeeds brings (RFC 8305 section 5 has the same for connections).
 * @throws what the first of them threw, when all have failed
 */
export function firstOf<T>(attempts: readonly Attempt<T>[]): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const failures = new Map<number, unknown>();
    let isOver = false;
    const begin = (index: number): void => {
      const attempt = attempts[index];
      if (attempt === undefined || isOver) return;
      let hasHandedOn = false;
      const handOn = (): void => {
        if (!hasHandedOn) begin(index + 1);
        hasHandedOn = true;
      };
      const late = setTimeout(() => {
        if (index + 1 < attempts.length && !isOver) attempt.isLate?.();
        handOn();
      }, headStartMs);
      attempt
        .run()
        .finally(() => clearTimeout(late))
        .then(
          (it) => {
            isOver = true;
            resolve(it);
          },
          (error: unknown) => {
            failures.set(index, error);
            if (failures.size === attempts.length) reject(failures.get(0));
            else handOn();
          },
        );
    };
    begin(0);
  });
}
