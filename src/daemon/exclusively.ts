/** One at a time for each name, in the order of asking; different names side by side. */
export function exclusively(): <T>(name: string, body: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (name, body) => {
    const before = last.get(name) ?? Promise.resolve();
    const mine = before.then(body, body);
    last.set(name, mine);
    const forget = (): void => {
      if (last.get(name) === mine) last.delete(name);
    };
    mine.then(forget, forget);
    return mine;
  };
}
