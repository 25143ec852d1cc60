// Which proxy a request goes through, from the environment: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY in either
// case, read as curl and Go read them. Does not connect. Source: curl.se/docs/manpage.html, golang.org/x/net/http/httpproxy.

import { BlockList, isIP } from "node:net";
import { ColdframeError } from "../../errors.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_PORT: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };

/** The port a URL means. */
export const portOf = (url: URL): number => Number(url.port || DEFAULT_PORT[url.protocol]);

/** The host a URL means, as a name or a plain address: without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** The proxy between here and `target`. @throws WEIGHTS_INVALID for a setting that is no HTTP proxy */
export function proxyFor(target: URL, environment: Environment): URL | undefined {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name.toUpperCase()];
  const name = target.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  const setting = read(name) ?? read("ALL_PROXY");
  if (!setting || isExempt(target, read("NO_PROXY") ?? "")) return undefined;
  const url =
    URL.canParse(setting) && /^\w+:\/\//.test(setting) ? new URL(setting) : parse(`http://${setting}`);
  if (url?.protocol !== "http:" && url?.protocol !== "https:") {
    // The setting itself may have a password in it.
    throw new ColdframeError("WEIGHTS_INVALID", `${name} is no HTTP proxy.`, {
      fix: "Write it as http://host:port; SOCKS proxies are not supported.",
    });
  }
  return url;
}

/** `Proxy-Authorization` for a proxy with a user in its URL. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (!username && !password) return undefined;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(pair).toString("base64")}`;
}

const parse = (text: string) => (URL.canParse(text) ? new URL(text) : undefined);

function isExempt(target: URL, list: string): boolean {
  const host = hostOf(target);
  // What is on this machine is never behind a proxy; Lambda's and ECS's credentials come from a link-local address.
  if (host === "localhost" || /^(127\.|169\.254\.)/.test(host) || host === "::1") return true;
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((rule) => rule !== "" && matches(rule, host, portOf(target)));
}

function matches(rule: string, host: string, port: number): boolean {
  if (rule === "*") return true;
  const [network = "", prefix] = rule.split("/");
  const family = isIP(network);
  if (prefix !== undefined) {
    const bits = Number(prefix);
    if (!family || isIP(host) !== family || !(bits >= 0 && bits <= (family === 6 ? 128 : 32))) return false;
    const block = new BlockList();
    const type = family === 6 ? "ipv6" : "ipv4";
    block.addSubnet(network, bits, type);
    return block.check(host, type);
  }
  const match = /^(.*?)(?::(\d+))?$/.exec(family === 6 ? `[${rule}]` : rule);
  const name = (match?.[1] ?? "").replace(/^\[|\]$/g, "").replace(/^\*?\./, "");
  if (match?.[2] !== undefined && Number(match[2]) !== port) return false;
  return name !== "" && (host === name || host.endsWith(`.${name}`));
}
