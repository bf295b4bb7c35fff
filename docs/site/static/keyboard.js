/* What the theme leaves out for those who read with a keyboard or by ear. */
"use strict";
function reachable() {
  for (const each of document.querySelectorAll("pre, .table-wrapper")) {
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
  }
}
document.addEventListener("DOMContentLoaded", () => {
  for (const each of document.querySelectorAll('[role="heading"]:not([aria-level])')) {
    each.setAttribute("aria-level", "2");
  }
  for (const each of document.querySelectorAll("aside.sidebar-drawer, aside.toc-drawer")) {
    each.setAttribute("aria-label", each.matches(".toc-drawer") ? "On this page" : "All pages");
  }
  reachable();
});
addEventListener("resize", reachable);
