// Light or dark: as the system has it, or as the reader chose. Runs before the page is drawn.
(() => {
  const key = "otelgate-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const current = () => document.documentElement.dataset.theme;
  const button = document.createElement("button");

  function apply(theme) {
    document.documentElement.dataset.theme = theme === "dark" ? "dark" : "light";
    button.textContent = current() === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${button.textContent.toLowerCase()} colours`);
    document.dispatchEvent(new Event("themechange"));
  }

  const fromSystem = () => (system.matches ? "dark" : "light");
  button.type = "button";
  button.className = "theme";
  button.addEventListener("click", () => {
    const next = current() === "dark" ? "light" : "dark";
    try {
      localStorage.setItem(key, next);
    } catch {
      // Without storage the choice lasts for this page.
    }
    apply(next);
  });
  system.addEventListener("change", () => stored() ?? apply(fromSystem()));
  document.addEventListener("DOMContentLoaded", () => document.querySelector("body > header").append(button));
  apply(stored() ?? fromSystem());
})();
