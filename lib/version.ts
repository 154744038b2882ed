/** Version of the whole suite; the release workflow checks it against the tag and deno.json. */
export const VERSION = "0.1.0";
