/** Server-sent events out of text that comes in pieces. */

export interface ServerEvent {
  name: string;
  data: string;
}

export class EventParser {
  private rest = "";

  /** Takes more text, and gives the events that are whole now. */
  push(text: string): ServerEvent[] {
    const all = this.rest + text;
    // The other half of a line's end may come with the next piece.
    const held = all.endsWith("\r") ? "\r" : "";
    const blocks = all.slice(0, all.length - held.length).replace(/\r\n?/g, "\n").split("\n\n");
    this.rest = (blocks.pop() ?? "") + held;
    return blocks.flatMap((block) => {
      const event = { name: "message", data: [] as string[] };
      for (const line of block.split("\n")) {
        const [, field, value] = /^([^:]+):? ?(.*)$/.exec(line) ?? [];
        if (field === "event") event.name = value ?? "";
        if (field === "data") event.data.push(value ?? "");
      }
      // What says nothing only keeps the connection alive.
      return event.data.length > 0 ? [{ name: event.name, data: event.data.join("\n") }] : [];
    });
  }
}
