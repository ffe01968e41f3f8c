/** Closing what was opened. */

/** A step that closes something. */
export type Undo = () => unknown;

/** Runs all steps, the last one first, also those behind one that fails. @throws what the first of these has thrown */
export async function undoAll(steps: readonly Undo[]): Promise<void> {
  const faults: unknown[] = [];
  for (const one of [...steps].reverse()) {
    try {
      await one();
    } catch (thrown) {
      faults.push(thrown);
    }
  }
  if (faults.length > 0) throw faults[0];
}
