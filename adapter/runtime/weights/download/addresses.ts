// The addresses of names: looked up often, because S3 answers with others every time, and used in turn, so that a
// download does not depend on one machine of many. Connects to none of them.

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { toWireError, WireError } from "./http.ts";

export interface Address {
  readonly address: string;
  /** 4 or 6. */
  readonly family: number;
}

/** What has been found out about a name. */
interface Known {
  readonly addresses: Promise<readonly Address[]>;
  readonly lookedUpAt: number;
}

/** What S3's own answers live for is not much more. */
const LOOKUP_TTL_MS = 1000;
/** An address that failed is asked last for so long. */
const BAD_ADDRESS_MS = 30_000;
/** Of each family, within one attempt. */
const MAX_ADDRESSES = 3;

export class Addresses {
  readonly #limitMs: number;
  readonly #known = new Map<string, Known>();
  /** By name: the family that has worked. */
  readonly #proven = new Map<string, number>();
  readonly #badUntil = new Map<string, number>();
  #turn = 0;

  /** @param limitMs of a look-up */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /**
   * Those to try, in this order: the family that has worked first, and those that failed last.
   * @returns `unsure`: no address of the name has worked yet, and it has both families
   * @throws WireError
   */
  async of(name: string): Promise<{ readonly candidates: readonly Address[]; readonly unsure: boolean }> {
    const family = isIP(name);
    if (family) return { candidates: [{ address: name, family }], unsure: false };
    const all = await this.#lookup(name);
    const now = performance.now();
    const turn = this.#turn++ % all.length;
    const bad = ({ address }: Address) => ((this.#badUntil.get(address) ?? 0) > now ? 1 : 0);
    const inTurn = [...all.slice(turn), ...all.slice(0, turn)].sort((a, b) => bad(a) - bad(b));
    const proven = this.#proven.get(name);
    // Else the one that the system puts first.
    const preferred = proven ?? all[0]?.family;
    const first = inTurn.filter((one) => one.family === preferred).slice(0, MAX_ADDRESSES);
    const others = inTurn.filter((one) => one.family !== preferred).slice(0, MAX_ADDRESSES);
    return { candidates: [...first, ...others], unsure: proven === undefined && others.length > 0 };
  }

  worked(name: string, { family }: Address): void {
    this.#proven.set(name, family);
  }

  failed({ address }: Address): void {
    this.#badUntil.set(address, performance.now() + BAD_ADDRESS_MS);
  }

  #lookup(name: string): Promise<readonly Address[]> {
    const now = performance.now();
    const known = this.#known.get(name);
    if (known && now - known.lookedUpAt < LOOKUP_TTL_MS) return known.addresses;
    // Also for those that ask meanwhile: all connections begin at the same time.
    const addresses = this.#ask(name);
    this.#known.set(name, { addresses, lookedUpAt: now });
    addresses.catch(() => this.#known.delete(name));
    return addresses;
  }

  async #ask(name: string): Promise<readonly Address[]> {
    const limit = Promise.withResolvers<never>();
    const late = new WireError("TIMEOUT", `the name ${name} was not looked up within ${this.#limitMs} ms`);
    const timer = setTimeout(() => limit.reject(late), this.#limitMs);
    try {
      const addresses = await Promise.race([lookup(name, { all: true, order: "verbatim" }), limit.promise]);
      if (addresses.length === 0) throw new WireError("ENOTFOUND", `look up ${name}: it has no address`);
      return addresses;
    } catch (error) {
      throw toWireError(error, `look up ${name}`);
    } finally {
      clearTimeout(timer);
    }
  }
}
