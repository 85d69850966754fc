//! What the examples share: blocks of text side by side.

/// Puts titled blocks of text beside each other, lines aligned at the top, each at least `least_width` wide.
pub(crate) fn side_by_side(least_width: usize, blocks: &[(String, String)]) -> String {
    let columns: Vec<(usize, Vec<&str>)> = blocks
        .iter()
        .map(|(title, block)| {
            let lines: Vec<&str> = std::iter::once(title.as_str()).chain(block.lines()).collect();
            (lines.iter().map(|line| line.chars().count()).fold(least_width, usize::max), lines)
        })
        .collect();
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in 0..height {
        let line: Vec<String> = columns
            .iter()
            .map(|(width, lines)| format!("{:<width$}", lines.get(row).unwrap_or(&"")))
            .collect();
        text.push_str(line.join("    ").trim_end());
        text.push('\n');
    }
    text
}
