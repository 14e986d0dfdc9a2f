// What to do about the space of the home, as the body of a dialog.
import { make } from "./elements.js";
import { getExplanation, needsRoom } from "./space_text.js";

const FIND_LARGE = "du -ah ~ | sort -h | tail -n 20";

function makeSteps(space) {
  const steps = [];
  if (needsRoom(space)) {
    steps.push(
      make(
        "li",
        "Delete files that you don't need, or download them and delete them here: in the file " +
          "browser, or in a terminal. This command lists the largest: ",
        make("code", FIND_LARGE),
      ),
    );
  }
  if (space.rescue) {
    steps.push(
      make("li", "Choose ", make("b", "File > Hub Control Panel > Stop My Server"), "."),
      make("li", "Start your server again."),
    );
  } else if (space.full) {
    steps.push(make("li", "Save your notebooks again."));
  }
  return steps;
}

export function makeHelp(space) {
  const help = make("div", ...getExplanation(space).map((text) => make("p", text)));
  help.className = "jp-jhubGateway-help";
  const heading = needsRoom(space) ? "How to make room" : "What to do";
  help.append(make("p", make("b", heading)), make("ol", ...makeSteps(space)));
  return help;
}
