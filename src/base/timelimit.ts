/** Limits for the time that something outside this process may take. */

/**
 * Calls back when the time is over. What has come by then is read before: a process that stood still for a while, because
 * the machine was busy or asleep, must not take somebody else for late.
 *
 * @param time in milliseconds
 * @returns ends the limit: `over` is not called any more
 */
export function timeLimit(time: number, over: () => void): () => void {
  // Node comes to the timers first, then to the sockets, pipes and children, then to the immediates.
  let look: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    look = setImmediate(over);
  }, time);
  return () => {
    clearTimeout(timer);
    clearImmediate(look);
  };
}
