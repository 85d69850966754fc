//! A reader of the SVG that the crate writes: elements with attributes, in their order.

use std::collections::HashMap;

/// An element, and the text in it.
#[derive(Debug, Clone)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: HashMap<String, String>,
    pub(crate) text: String,
}

impl Element {
    pub(crate) fn number(&self, attribute: &str) -> f64 {
        self.attributes[attribute].parse().unwrap()
    }

    pub(crate) fn fill(&self) -> &str {
        self.attributes.get("fill").map_or("", String::as_str)
    }

    /// Left, top, width and height.
    pub(crate) fn area(&self) -> [f64; 4] {
        ["x", "y", "width", "height"].map(|attribute| self.number(attribute))
    }
}

pub(crate) fn elements(svg: &str) -> Vec<Element> {
    let mut elements: Vec<Element> = Vec::new();
    for piece in svg.split('<').skip(1).filter(|piece| !piece.starts_with('/')) {
        let (tag, text) = piece.split_once('>').expect("every tag is closed");
        let (name, rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes = HashMap::new();
        let mut quoted = rest.split('"');
        while let (Some(key), Some(value)) = (quoted.next(), quoted.next()) {
            attributes.insert(key.trim().trim_end_matches('=').to_string(), value.to_string());
        }
        elements.push(Element { name: name.to_string(), attributes, text: text.trim().to_string() });
    }
    elements
}

/// All texts, in their order.
pub(crate) fn texts(svg: &str) -> Vec<String> {
    elements(svg).into_iter().filter(|element| element.name == "text").map(|element| element.text).collect()
}

/// Checks that everything lies on the sheet: texts as wide as their letters are on average.
pub(crate) fn assert_inside(svg: &str) {
    let elements = elements(svg);
    let sheet: Vec<f64> =
        elements[0].attributes["viewBox"].split(' ').map(|number| number.parse().unwrap()).collect();
    let (width, height) = (sheet[2], sheet[3]);
    let check = |x: f64, y: f64, what: &Element| {
        assert!(
            (-1.0..=width + 1.0).contains(&x) && (-1.0..=height + 1.0).contains(&y),
            "{what:?} at {x}, {y}"
        );
    };
    for element in &elements {
        match element.name.as_str() {
            "rect" if element.attributes.contains_key("x") => {
                let [x, y, wide, tall] = element.area();
                assert!(wide >= 0.0 && tall >= 0.0);
                check(x, y, element);
                check(x + wide, y + tall, element);
            }
            "polygon" | "polyline" => {
                for point in element.attributes["points"].split_whitespace() {
                    let (x, y) = point.split_once(',').unwrap();
                    check(x.parse().unwrap(), y.parse().unwrap(), element);
                }
            }
            "circle" => {
                let [x, y, radius] = ["cx", "cy", "r"].map(|attribute| element.number(attribute));
                check(x - radius, y - radius, element);
                check(x + radius, y + radius, element);
            }
            "text" => {
                let size = element.number("font-size");
                let length = 0.5 * size * element.text.chars().count() as f64;
                let (before, after) = match element.attributes["text-anchor"].as_str() {
                    "start" => (0.0, length),
                    "end" => (length, 0.0),
                    _ => (length / 2.0, length / 2.0),
                };
                let (x, y) = (element.number("x"), element.number("y"));
                if element.attributes.contains_key("transform") {
                    check(x - size / 2.0, y - before, element);
                    check(x + size / 2.0, y + after, element);
                } else {
                    check(x - before, y - size / 2.0, element);
                    check(x + after, y + size / 2.0, element);
                }
            }
            _ => {}
        }
    }
}
