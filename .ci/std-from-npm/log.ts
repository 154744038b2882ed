/** What the product uses of `@std/log` 0.224: levels, handlers and loggers, in their plainest form. */

/** Levels by name. */
export const LogLevels = { NOTSET: 0, DEBUG: 10, INFO: 20, WARN: 30, ERROR: 40, CRITICAL: 50 } as const;
/** A level's name. */
export type LevelName = keyof typeof LogLevels;
/** A level's number. */
export type LogLevel = (typeof LogLevels)[LevelName];

/** Number of a level. */
export function getLevelByName(name: LevelName): LogLevel {
  if (!Object.hasOwn(LogLevels, name)) throw new Error(`Cannot get log level: no level named ${name}`);
  return LogLevels[name];
}

/** Name of a level. */
export function getLevelName(level: LogLevel): LevelName {
  const found = Object.entries(LogLevels).find(([, number]) => number === level);
  if (!found) throw new Error(`Cannot get log level: no name for level: ${level}`);
  return found[0] as LevelName;
}

/** One entry of the log. */
export class LogRecord {
  readonly msg: string;
  readonly args: unknown[];
  readonly datetime: Date = new Date();
  readonly level: number;
  readonly levelName: string;
  readonly loggerName: string;

  constructor(options: { msg: string; args: unknown[]; level: LogLevel; loggerName: string }) {
    this.msg = options.msg;
    this.args = options.args;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
  }
}

/** Makes a line of a record. */
export type FormatterFunction = (logRecord: LogRecord) => string;
/** Options of a handler. */
export interface BaseHandlerOptions {
  formatter?: FormatterFunction;
}

/** Where records go. */
export abstract class BaseHandler {
  levelName: LevelName;
  formatter: FormatterFunction;

  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    this.levelName = levelName;
    this.formatter = options?.formatter ?? ((record) => `${record.levelName} ${record.msg}`);
  }

  get level(): LogLevel {
    return getLevelByName(this.levelName);
  }

  set level(level: LogLevel) {
    this.levelName = getLevelName(level);
  }

  handle(logRecord: LogRecord): void {
    if (logRecord.level >= this.level) this.log(this.format(logRecord));
  }

  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  abstract log(msg: string): void;
  setup(): void {}
  destroy(): void {}

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** Options of a logger. */
export interface LoggerOptions {
  handlers?: BaseHandler[];
}

/** A logger: everything at its level or above goes to its handlers. */
export class Logger {
  levelName: LevelName;
  handlers: BaseHandler[];
  readonly loggerName: string;

  constructor(loggerName: string, levelName: LevelName, options: LoggerOptions = {}) {
    this.loggerName = loggerName;
    this.levelName = levelName;
    this.handlers = options.handlers ?? [];
  }

  get level(): LogLevel {
    return getLevelByName(this.levelName);
  }

  set level(level: LogLevel) {
    this.levelName = getLevelName(level);
  }

  #log(level: LogLevel, msg: string, args: unknown[]): string {
    if (level >= this.level) {
      const record = new LogRecord({ msg, args, level, loggerName: this.loggerName });
      for (const handler of this.handlers) handler.handle(record);
    }
    return msg;
  }

  debug(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  info(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.INFO, msg, args);
  }

  warn(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.WARN, msg, args);
  }

  error(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  critical(msg: string, ...args: unknown[]): string {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }
}
