import { expect, test } from "vitest";
import { EventParser } from "../../src/lib/sse";

test("events come whole, however the text is cut", () => {
  const text = ': still here\n\nevent: progress\ndata: {"step":1}\n\nevent: preview\r\ndata: a\r\ndata: b\r\n\r\ndata:plain\n\nevent: half\nda';
  const whole = new EventParser().push(text);
  expect(whole).toEqual([
    { name: "progress", data: '{"step":1}' },
    { name: "preview", data: "a\nb" },
    { name: "message", data: "plain" },
  ]);
  const parser = new EventParser();
  const pieces = [...text].flatMap((letter) => parser.push(letter));
  expect(pieces).toEqual(whole);
  expect(parser.push("ta: rest\n\n")).toEqual([{ name: "half", data: "rest" }]);
});
