// Text and bytes: UTF-8, and node's `Buffer`.
//
// In: text, or bytes. Out: the other. Left out on purpose: encodings that competition programs do not use.

export function encode(text) {
  // The engine's own conversions work on whole texts at once, and take anything but half a surrogate pair.
  if (/[^\x00-\x7f]/.test(text)) text = unescape(encodeURIComponent(text.toWellFormed()));
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}

export function latin1(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode.apply(null, bytes.subarray(at, at + 8192));
  return text;
}

export function decode(bytes) {
  const text = latin1(bytes);
  if (!/[^\x00-\x7f]/.test(text)) return text;
  try {
    return decodeURIComponent(escape(text));
  } catch {
    // What is no UTF-8 is replaced, sequence by sequence.
    return text.replace(/[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|[\x80-\xff]/g, (sequence) => {
      try {
        return decodeURIComponent(escape(sequence));
      } catch {
        return "\ufffd";
      }
    });
  }
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Buffer extends Uint8Array {
  static from(value, encoding = "utf8", length) {
    if (typeof value === "string") {
      switch (String(encoding).toLowerCase()) {
        case "hex":
          return Buffer.from(Array.from(value.match(/[0-9a-f]{2}/gi) ?? [], (pair) => parseInt(pair, 16)));
        case "base64":
        case "base64url":
          return Buffer.from(Array.from(atob(value.replaceAll("-", "+").replaceAll("_", "/").replace(/\s/g, "")), (c) => c.charCodeAt(0)));
        case "latin1":
        case "binary":
        case "ascii":
          return Buffer.from(Array.from(value, (c) => c.charCodeAt(0)));
        default: {
          const bytes = encode(value);
          return new Buffer(bytes.buffer, bytes.byteOffset, bytes.length);
        }
      }
    }
    if (value instanceof ArrayBuffer) return new Buffer(value, encoding === "utf8" ? 0 : encoding, length);
    const buffer = new Buffer(value.length);
    buffer.set(value);
    return buffer;
  }

  static alloc(length, fill = 0) {
    return new Buffer(length).fill(fill);
  }

  static allocUnsafe(length) {
    return new Buffer(length);
  }

  static isBuffer(value) {
    return value instanceof Buffer;
  }

  static byteLength(value) {
    return typeof value === "string" ? encode(value).length : value.byteLength;
  }

  static concat(list) {
    const whole = new Buffer(list.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of list) whole.set(part, at), (at += part.length);
    return whole;
  }

  toString(encoding = "utf8", start = 0, end = this.length) {
    const part = this.subarray(start, end);
    switch (String(encoding).toLowerCase()) {
      case "hex":
        return hex(part);
      case "base64":
        return btoa(latin1(part));
      case "latin1":
      case "binary":
      case "ascii":
        return latin1(part);
      default:
        return decode(part);
    }
  }

  slice(start, end) {
    return this.subarray(start, end);
  }

  equals(other) {
    return this.length === other.length && this.every((byte, index) => byte === other[index]);
  }

  write(text, at = 0) {
    const bytes = encode(text).subarray(0, this.length - at);
    this.set(bytes, at);
    return bytes.length;
  }

  toJSON() {
    return { type: "Buffer", data: Array.from(this) };
  }

  [Symbol.for("nodejs.util.inspect.custom")]() {
    const shown = hex(this.subarray(0, 50)).replace(/..(?=.)/g, "$& ");
    return `<Buffer${shown ? ` ${shown}` : ""}${this.length > 50 ? ` ... ${this.length - 50} more bytes` : ""}>`;
  }
}

export class TextEncoder {
  encoding = "utf-8";

  encode(text = "") {
    return encode(String(text));
  }
}

export class TextDecoder {
  encoding = "utf-8";

  decode(bytes = new Uint8Array()) {
    return decode(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}
