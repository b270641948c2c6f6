/** Where in the page somebody is, as the address says it. */

export const VIEWS = ["make", "story", "check"] as const;
export type View = (typeof VIEWS)[number];

class Route {
  view = $state<View>("make");
  /** The clip that is looked at. */
  clip = $state<string | null>(null);

  constructor() {
    this.read();
    window.addEventListener("hashchange", () => this.read());
  }

  go(view: View): void {
    location.hash = view === "make" ? "#/" : `#/${view}`;
  }

  open(id: string): void {
    location.hash = `#/clip/${id}`;
  }

  private read(): void {
    const [, first = "", second = ""] = location.hash.split("/");
    this.clip = first === "clip" && second ? second : null;
    const view = VIEWS.find((view) => view === first);
    if (view) this.view = view;
    else if (!this.clip) this.view = "make";
  }

  /** Back to where the clip was opened. */
  close(): void {
    this.go(this.view);
  }
}

export const route = new Route();
