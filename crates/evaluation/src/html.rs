//! The report as one page that needs no other file.

use crate::{
    Confusion, Question,
    adherence::{ReadPrompt, ReadVideo},
    label_words,
    report::{Report, percent},
};

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#222;background:#fff}\
table{border-collapse:collapse;margin:1rem 0}\
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #ddd}\
th:first-child{text-align:left}\
.prompt{margin:2rem 0 0;font-weight:600}\
.videos{display:flex;flex-wrap:wrap;gap:1rem}\
figure{margin:.5rem 0}\
figcaption{font-size:13px}\
img{display:block;max-width:100%;image-rendering:auto}\
.agrees{color:#0a7a33}\
.differs{color:#b3261e}\
.uncounted{color:#777}\
.confusion{font-size:12px}\
.confusion td{min-width:2rem}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}\
.agrees{color:#6fd08c}.differs{color:#ff8a80}.uncounted{color:#999}}";

/// The page: the numbers, then for each prompt its videos with what was read in them, then the classifier's mistakes.
pub fn page(report: &Report) -> String {
    let mut body = String::new();
    let title = format!("Evaluation of {}", escaped(&report.model));
    numbers(&mut body, report);
    body.push_str("<h2>Videos</h2>\n");
    body.push_str(
        "<p>Beside each video stands what the classifier reads in it: \
         <span class=\"agrees\">as the prompt says</span>, <span class=\"differs\">otherwise</span>, or \
         <span class=\"uncounted\">not asked for</span>.</p>\n",
    );
    report.prompts.iter().for_each(|prompt| videos(&mut body, prompt));
    body.push_str("<h2>The classifier on held-out renders</h2>\n<p>Rows are true, columns are read.</p>\n");
    Question::ALL.iter().for_each(|question| confusion(&mut body, *question, report.classifier.get(*question)));
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>{}</p>\n{body}</body>\n</html>\n",
        escaped(&report.setting)
    )
}

fn numbers(out: &mut String, report: &Report) {
    let reconstruction = report.autoencoder;
    push(
        out,
        format_args!(
            "<table>\n<tr><th>Autoencoder on held-out worlds</th><th>PSNR</th><th>SSIM</th></tr>\n\
             <tr><th></th><td>{:.2} dB</td><td>{:.4}</td></tr>\n</table>\n",
            reconstruction.psnr_db, reconstruction.ssim
        ),
    );
    out.push_str("<table>\n<tr><th>Noise level</th>");
    report.loss.iter().for_each(|(level, _)| push(out, format_args!("<td>{level:.1}</td>")));
    out.push_str("</tr>\n<tr><th>Loss</th>");
    report.loss.iter().for_each(|(_, loss)| push(out, format_args!("<td>{loss:.4}</td>")));
    out.push_str(
        "</tr>\n</table>\n<table>\n<tr><th></th><th>Adherence</th><th>Videos counted</th>\
         <th>Classifier on held-out renders</th></tr>\n",
    );
    let agreement = report.agreement();
    for question in Question::ALL {
        let agreed = agreement.get(question);
        push(
            out,
            format_args!(
                "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                question.name(),
                percent(agreed.share()),
                agreed.counted,
                percent(report.classifier.get(question).share())
            ),
        );
    }
    out.push_str("</table>\n");
}

fn videos(out: &mut String, ReadPrompt { prompt, videos }: &ReadPrompt) {
    push(out, format_args!("<p class=\"prompt\">{}</p>\n", escaped(&prompt.prompt)));
    push(out, format_args!("<p>asks for {}</p>\n", label_words::names(&prompt.expected).join(", ")));
    out.push_str("<div class=\"videos\">\n");
    for ReadVideo { seed, read, sheet } in videos {
        push(
            out,
            format_args!(
                "<figure><img alt=\"frames of seed {seed}\" src=\"data:image/jpeg;base64,{}\">\
                 <figcaption>seed {seed}:",
                base64(sheet)
            ),
        );
        for question in Question::ALL {
            let answer = *read.get(question);
            let class = match prompt.expected.get(question) {
                Some(expected) if *expected == answer => "agrees",
                Some(_) => "differs",
                None => "uncounted",
            };
            push(out, format_args!(" <span class=\"{class}\">{}</span>", question.answer_name(answer)));
        }
        out.push_str("</figcaption></figure>\n");
    }
    out.push_str("</div>\n");
}

fn confusion(out: &mut String, question: Question, confusion: &Confusion) {
    push(out, format_args!("<h3>{}</h3>\n<table class=\"confusion\">\n<tr><th></th>", question.name()));
    let answers = 0..question.num_answers();
    answers.clone().for_each(|read| push(out, format_args!("<th>{}</th>", question.answer_name(read))));
    out.push_str("</tr>\n");
    for truth in answers {
        push(out, format_args!("<tr><th>{}</th>", question.answer_name(truth)));
        for (read, count) in confusion.counts[truth].iter().enumerate() {
            let class = match (*count, read == truth) {
                (0, _) => "uncounted",
                (_, true) => "agrees",
                (_, false) => "differs",
            };
            push(out, format_args!("<td class=\"{class}\">{count}</td>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.push_str(&std::fmt::format(text));
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Bytes as text (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (number >> (18 - 6 * place)) & 63;
            text.push(if place <= chunk.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn base64_is_as_in_the_rfc() {
        let pairs = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in pairs {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_page_is_well_formed() {
        let page = page(&sample());
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1).map(|rest| rest.split('>').next().unwrap()) {
            let name = tag.split(' ').next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "</{name}> closes another tag"),
                None if matches!(name, "!DOCTYPE" | "meta" | "img") => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, Vec::<&str>::new());
        assert!(page.contains("a red ball &lt;falls&gt; &amp; &quot;rolls&quot;"), "prompts are escaped");
    }

    #[test]
    fn the_page_needs_no_other_file() {
        let page = page(&sample());
        assert_eq!(page.matches("src=").count(), 2);
        assert_eq!(page.matches("src=\"data:image/jpeg;base64,/9j/2Q==\"").count(), 2);
        for outside in ["http:", "https:", "href=", "url(", "@import", "<script", "<link"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
