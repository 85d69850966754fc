//! Values that other programs found, from `tests/data/stationary`.

/// What a program found for one model.
#[derive(Debug, Clone)]
pub struct Published {
    pub name: &'static str,
    pub discount: f64,
    pub temperature: f64,
    /// Program and version.
    pub source: &'static str,
    /// How far the numbers are from the truth at most, by what the program promises or by its own
    /// check.
    pub tolerance: f64,
    pub values: Vec<f64>,
}

/// Everything in the file, which `generate.py` beside it explains.
pub fn published() -> Vec<Published> {
    let text = include_str!("../../data/stationary/values.txt");
    let mut found: Vec<Published> = vec![];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(head) = line.strip_prefix("model: ") {
            let fields: Vec<&str> = head.split("; ").collect();
            let [name, discount, temperature, source, tolerance] = fields[..] else {
                panic!("{line}: five fields are expected")
            };
            let number = |text: &str| text.rsplit(' ').next().and_then(|number| number.parse().ok());
            found.push(Published {
                name,
                discount: number(discount).expect("a discount"),
                temperature: number(temperature).expect("a temperature"),
                source,
                tolerance: number(tolerance).expect("a tolerance"),
                values: vec![],
            });
        } else {
            let published = found.last_mut().expect("a model before its values");
            published
                .values
                .extend(line.split_whitespace().map(|value| value.parse::<f64>().expect("a value")));
        }
    }
    found
}
