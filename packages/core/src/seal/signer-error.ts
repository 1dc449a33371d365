/** Why a signer cannot sign, and what to do about it: both one line, and neither ever holds a credential. */
export class SignerError extends Error {
  override readonly name = "SignerError";
  readonly why: string;
  readonly fix: string;

  constructor(why: string, fix: string) {
    super(`${why}; ${fix}`);
    this.why = why;
    this.fix = fix;
  }

  /** A bundled command line and the package of a signer each hold their own copy of this class. */
  static override [Symbol.hasInstance](value: unknown): value is SignerError {
    return value instanceof Error && value.name === "SignerError" && "why" in value && "fix" in value;
  }
}
