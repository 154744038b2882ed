/** The library for property tests; its version is here and nowhere else. */
export * from "npm:fast-check@4.10.2";
export { default } from "npm:fast-check@4.10.2";
