// Access to a registry that may turn out not to be needed: nobody is signed in before something is asked.

import { authenticate, type Session } from "./authenticate.ts";
import type { ImageRequest } from "./validate.ts";

/** A session that begins when it is first opened. */
export class LateSession implements Disposable {
  readonly #request: ImageRequest;
  readonly #tries: number | undefined;
  #opening: Promise<Session> | undefined;
  #session: Session | undefined;

  /** `tries` is how often a request is made at most; as often as makes sense when absent. */
  constructor(request: ImageRequest, tries: number | undefined) {
    this.#request = request;
    this.#tries = tries;
  }

  open(): Promise<Session> {
    this.#opening ??= authenticate(this.#request, { tries: this.#tries }).then(
      (session) => (this.#session = session),
    );
    return this.#opening;
  }

  [Symbol.dispose](): void {
    this.#session?.[Symbol.dispose]();
  }
}
