/** Lets the whole process stand still, as a busy machine or one that was asleep does. @param time in milliseconds */
export function standStill(time: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, time);
}
