// The takes that the browser keeps, the newest first: in its own database, on this machine alone.

import type { Take } from "./take";

export const MOST_TAKES = 50; // the oldest go
const STORE = "takes";
const LEFT = "take"; // in the browser's plain storage

export class Takes {
  list: Take[] = [];
  private unwritten: Take | null = null;
  private database: Promise<IDBDatabase> | null = null;

  constructor(private readonly changed: () => void) {
    void this.read();
  }

  /** New, or in place of the one that began at the same time. */
  async keep(take: Take): Promise<void> {
    this.list = [take, ...this.list.filter(({ at }) => at !== take.at)].sort((a, b) => b.at - a.at);
    const old = this.list.splice(MOST_TAKES);
    this.changed();
    this.unwritten = take;
    const isWritten = await this.write((store) => {
      store.put(take);
      for (const { at } of old) store.delete(at);
    });
    if (!isWritten || this.unwritten !== take) return;
    this.unwritten = null;
    localStorage.removeItem(LEFT);
  }

  /** The page goes away, and its database with it: what is not yet written is put where writing takes no time. */
  leave(): void {
    const { unwritten } = this;
    if (unwritten) localStorage.setItem(LEFT, JSON.stringify({ ...unwritten, notes: [...unwritten.notes] }));
  }

  async rename(take: Take, name: string): Promise<void> {
    if (name) await this.keep({ ...take, name });
  }

  async forget(take: Take): Promise<void> {
    this.list = this.list.filter(({ at }) => at !== take.at);
    this.changed();
    await this.write((store) => store.delete(take.at));
  }

  private async read(): Promise<void> {
    const left = JSON.parse(localStorage.getItem(LEFT) ?? "null") as (Take & { notes: number[] }) | null;
    await this.write((store) => {
      const all: IDBRequest<Take[]> = store.getAll();
      all.onsuccess = () => {
        const since = this.list; // played meanwhile
        this.list = [...since, ...all.result.reverse()];
        this.changed();
      };
    });
    if (left) await this.keep({ ...left, notes: Int32Array.from(left.notes) });
  }

  // Where the browser keeps nothing, in a private window say, takes live as long as the page.
  private async write(act: (store: IDBObjectStore) => void): Promise<boolean> {
    try {
      const database = await (this.database ??= open());
      const transaction = database.transaction(STORE, "readwrite");
      act(transaction.objectStore(STORE));
      transaction.commit(); // at once: a page that goes away takes with it what is not committed
      await new Promise((done, failed) => Object.assign(transaction, { oncomplete: done, onabort: () => failed(transaction.error) }));
      return true;
    } catch (error) {
      console.warn("takes are not kept:", error);
      return false;
    }
  }
}

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("tradefours", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "at" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
