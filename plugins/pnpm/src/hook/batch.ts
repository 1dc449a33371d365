/**
 * Gathers what is asked for at about the same time and answers it together: pnpm resolves the dependencies of a
 * package at once, and each level waits for the one above.
 * @param milliseconds how long a first one waits for others
 * @param answer rejects for all that are in it
 */
export function batched<T>(
  milliseconds: number,
  answer: (items: readonly T[]) => Promise<void>,
): (item: T) => Promise<void> {
  let gathering: { items: T[]; answered: Promise<void> } | null = null;
  return (item) => {
    if (gathering === null) {
      const items: T[] = [];
      const answered = new Promise<void>((resolve) => setTimeout(resolve, milliseconds)).then(() => {
        gathering = null;
        return answer(items);
      });
      gathering = { items, answered };
    }
    gathering.items.push(item);
    return gathering.answered;
  };
}
