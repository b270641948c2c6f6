/** What whoever looks at the page has chosen, kept in the browser. */

export type Theme = "auto" | "light" | "dark";
export type Language = "en" | "zh";

const NAME = "misora-studio";

interface Kept {
  theme: Theme;
  language: Language | null;
  shortcuts: boolean;
}

function read(): Partial<Kept> {
  try {
    return JSON.parse(localStorage.getItem(NAME) ?? "{}");
  } catch {
    return {};
  }
}

const kept = read();

class Settings {
  theme = $state<Theme>(kept.theme ?? "auto");
  language = $state<Language>(kept.language ?? (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en"));
  /** Whether single keys do something. */
  shortcuts = $state(kept.shortcuts ?? true);
  /** For as long as the tab lives. */
  key = $state(sessionStorage.getItem("key") ?? "");
  needsKey = $state(false);

  keep(): void {
    const { theme, language, shortcuts } = this;
    localStorage.setItem(NAME, JSON.stringify({ theme, language, shortcuts }));
    if (this.key) sessionStorage.setItem("key", this.key);
    else sessionStorage.removeItem("key");
  }
}

export const settings = new Settings();
