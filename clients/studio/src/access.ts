// The key of a server that wants one: kept for this tab alone, and shown with every connection.

import { address } from "./wire";

export const STORE = "key";
const PROTOCOL = "tradefours.v1+json";
const KEY_PROTOCOL = "tradefours.key."; // a page can set no header of a WebSocket
const SHAPE = /^[!-~]+$/; // of what can be shown at all

export class Access {
  trouble = ""; // why nobody gets in from here: a sentence for people
  private readonly player = Math.random().toString(16).slice(2, 10); // for what stands before several servers
  private key = sessionStorage.getItem(STORE) ?? "";

  constructor(private readonly changed: () => void) {}

  socket(path: string): WebSocket {
    const packed = btoa(this.key).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
    return new WebSocket(`${address(path)}?player=${this.player}`, packed ? [PROTOCOL, KEY_PROTOCOL + packed] : [PROTOCOL]);
  }

  /** After a WebSocket that did not open: a page is not told why, but may ask. */
  async look(): Promise<void> {
    const before = this.trouble;
    this.trouble = await this.asked();
    if (this.trouble !== before) this.changed();
  }

  async enter(key: string): Promise<void> {
    this.key = SHAPE.test(key.trim()) ? key.trim() : "?";
    await this.look();
    if (this.trouble) sessionStorage.removeItem(STORE);
    else sessionStorage.setItem(STORE, this.key);
  }

  private async asked(): Promise<string> {
    const headers: HeadersInit = this.key ? { authorization: `Bearer ${this.key}` } : {};
    const response = await fetch("ready", { headers }).catch(() => null);
    if (response?.status !== 401) return "";
    return this.key ? "This server does not know that key." : "This server wants a key. Whoever runs it has one for you.";
  }
}
