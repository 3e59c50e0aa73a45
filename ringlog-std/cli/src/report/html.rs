//! Text and tables of HTML. Names come from a log, so all of it is escaped.
#![forbid(unsafe_code)]

use ringlog::programs::is_risky;

/// Escapes a text for the content of an element or for an attribute in quotes. Characters that hide or reorder text are shown as
/// numbers.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            sign if is_risky(sign) => escaped.push_str(&format!("\\u{:04x}", u32::from(sign))),
            sign => escaped.push(sign),
        }
    }
    escaped
}

/// Makes JSON safe inside of a `script` element: no tag begins or ends in it. It stays the same JSON.
pub(super) fn json_in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// A table. Columns of numbers are aligned to the right.
#[derive(Debug)]
pub(super) struct Table {
    html: String,
    caption: String,
    /// For each column.
    is_number: Vec<bool>,
}

impl Table {
    /// Starts a table with these columns; a name that begins with `#` is of a column of numbers.
    pub(super) fn new(caption: &str, columns: &[&str]) -> Self {
        let is_number = columns.iter().map(|name| name.starts_with('#')).collect();
        let caption = escape(caption);
        let mut html = format!("<table><caption>{caption}</caption><thead><tr>");
        for name in columns {
            let class = if name.starts_with('#') { " class=n" } else { "" };
            html += &format!("<th scope=col{class}>{}</th>", escape(name.trim_start_matches('#')));
        }
        html += "</tr></thead><tbody>\n";
        Self { html, caption, is_number }
    }

    pub(super) fn row(&mut self, cells: &[String]) {
        self.html += "<tr>";
        for (cell, is_number) in cells.iter().zip(&self.is_number) {
            let class = if *is_number { " class=n" } else { "" };
            self.html += &format!("<td{class}>{}</td>", escape(cell));
        }
        self.html += "</tr>\n";
    }

    pub(super) fn finish(self) -> String {
        format!(
            "<div class=table tabindex=0 role=region aria-label=\"{}\">{}</tbody></table></div>",
            self.caption, self.html
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_markup() {
        assert_eq!(
            escape("<b a=\"1\" b='2'>&\u{202E}"),
            "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;\\u202e"
        );
        let json = json_in_script(r#"{"name":"</script><script>&"}"#);
        assert!(!json.contains(['<', '>', '&']));
        let back: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["name"], "</script><script>&");
        let mut table = Table::new("a<b", &["name", "#count"]);
        table.row(&["<i>".into(), "7".into()]);
        let html = table.finish();
        assert!(html.contains("<td>&lt;i&gt;</td><td class=n>7</td>") && html.contains("a&lt;b"));
    }
}
