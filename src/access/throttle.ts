/**
 * Refused logins are answered late: 2 s, doubling with each refusal of the same client within ten minutes, up to a
 * limit; a login that succeeds forgets them (SPEC section 3). So a server that sees only our address need not lock
 * everybody out.
 */

/** How long a refusal is remembered, in milliseconds. */
const MEMORY = 10 * 60 * 1000;

/** So many clients are remembered; beyond it, those refused longest ago are forgotten. */
const CLIENTS_BOUND = 10_000;

export class Throttle {
  readonly #refused = new Map<string, { count: number; at: number }>();

  /**
   * @param first how long the first refusal is held back, in seconds
   * @param limit how long any is, in seconds
   */
  constructor(
    private readonly first: number,
    private readonly limit: number,
  ) {}

  /** Notes a refusal. @returns how long its answer is to be held back, in seconds */
  add(address: string, now = Date.now()): number {
    const client = network(address);
    const before = this.#refused.get(client);
    const count = before && now - before.at < MEMORY ? before.count + 1 : 1;
    this.#refused.delete(client);
    this.#refused.set(client, { count, at: now });
    if (this.#refused.size > CLIENTS_BOUND) this.#refused.delete(this.#refused.keys().next().value as string);
    return Math.min(this.first * 2 ** (count - 1), this.limit);
  }

  /** A login succeeded. */
  forget(address: string): void {
    this.#refused.delete(network(address));
  }
}

/** Who counts as one client: an IPv4 address, or an IPv6 /64, which one household or host has to itself. */
export function network(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%", 1)[0] as string).split("::");
  const left = head ? head.split(":") : [];
  const right = tail ? tail.split(":") : [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - left.length - right.length)).fill("0");
  return [...left, ...zeros, ...right]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
