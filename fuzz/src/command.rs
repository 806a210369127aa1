use crate::Outcome;
use tidemill_scenarios::command::understand;

/// Options, and values that mean something.
pub(crate) const WORDS: &[&str] = &[
    "\n--partition\n",
    "\n--set\nloss=",
    "\n--strategy\npct:",
    "\n--from\n584542046090years",
    "\n--help",
    "\n--seeds\n18446744073709551615",
    "CI_NODE_TOTAL=18446744073709551615\n",
    "SLURM_ARRAY_TASK_STEP=0\n",
    "[!a-z]*",
    "**/*?",
    "\n\n",
    "1/3",
    "/0",
];

/// Words of a command line, one a line; lines before an empty one are variables of the environment.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    let (environment, words) = text.split_once("\n\n").unwrap_or(("", &text));
    let set: Vec<(&str, &str)> = environment.lines().filter_map(|line| line.split_once('=')).collect();
    let variable =
        |name: &str| set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    match understand(words.lines().map(str::to_owned), &variable) {
        Ok(()) => Outcome::sized("command", &[words.lines().count(), set.len()]),
        Err(why) => {
            assert!(!why.trim().is_empty(), "a refusal without a word");
            Outcome::of(&why)
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let lines = [
        "CI_NODE_INDEX=2\nCI_NODE_TOTAL=5\n\nrun\nping*\n--seeds\n1000\n--set\nloss=20\n--partition\n/7\n--jobs\n2",
        "SLURM_ARRAY_TASK_ID=14\nSLURM_ARRAY_TASK_MIN=10\nSLURM_ARRAY_TASK_STEP=2\nSLURM_ARRAY_TASK_COUNT=4\n\nrun\n--time\n9",
        "JOB_COMPLETION_INDEX=3\n\nrun\n--partition\n/4\n--strategy\nexhaustive:2\n[pc]*",
        "\n\ntrace\nping_pong\n--seed\n7\n--from\n1s 500ms\n--to\n20ms\n--grep\nloss\n--set\npings=3",
        "\n\ndiff\ncanary\nping_pong\n--seed-a\n1\n--set-b\nloss=0",
        "\n\ncampaign\nnight.json\np*\n--strategies\nrandom,swarm,pct:3\n--block\n9\n--runs\n90",
        "\n\ncoverage\na.json\nb.json\n--merged\nc.json\n--json",
        "\n\ncheck\nping_pong\n--seeds\n3",
        "\n\npipeline\nsend\n--to\n127.0.0.1:9\n--loss\n900\n--hold-ms\n4",
        "\n\nshrink\nx.tape\n--runs\n5",
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}
